"""Door 3: where everybody stands, for reports and data teams: query API, exports, change feed."""
