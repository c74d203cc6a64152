"""The table: keys, expressions, items. The only place that knows botocore."""
