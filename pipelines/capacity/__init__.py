"""What a stream will take: cores, cards, partitions, memory, and what BigQuery costs."""
