"""The moderation job: its graph, its start, and what stands behind the versions on its records."""
