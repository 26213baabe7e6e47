"""What lives once in a worker process, whatever steps and bundles it runs."""
