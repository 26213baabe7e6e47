"""The prompts and answers of gpt-oss models, as token ids."""
