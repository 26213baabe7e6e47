"""``weir replay``: decide a slice of history anew, under a name of its own."""
