"""What could not be processed, or was deferred, and sending it again."""
