"""What is written below infra/ from what the job itself has: its options and its numbers."""
