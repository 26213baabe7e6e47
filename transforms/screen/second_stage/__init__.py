"""The second stage of the screen: what the first cannot clear is read by a sentence encoder."""
