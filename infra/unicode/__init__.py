"""What Weir keeps of the Unicode character data, and how it is renewed."""
