"""What the stream is doing now."""
