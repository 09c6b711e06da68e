"""The data contract: tables, columns, event types, and settings of nodes."""
