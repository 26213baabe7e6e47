"""The prompts of the judge, and the answers of gpt-oss models, as messages and as token ids."""
