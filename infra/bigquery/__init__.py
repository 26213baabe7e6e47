"""The tables and views of Weir in BigQuery, as ``.sql`` files, and what fills them in."""
