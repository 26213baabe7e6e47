"""What a person says of a job: a frozen dataclass a concern, whose fields are the options."""
