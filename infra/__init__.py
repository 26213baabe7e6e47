"""What runs Weir elsewhere: BigQuery tables, a local stack."""
