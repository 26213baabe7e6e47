"""What analysts and reviewers do with what was decided: the report, and the human loop."""
