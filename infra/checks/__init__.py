"""What is checked of the files that take Weir to a cluster, without a cluster."""
