"""The console: web pages over what is in BigQuery, the topics and the folder of policies."""
