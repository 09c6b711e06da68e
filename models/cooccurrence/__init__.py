"""Which items go together: counted, as starts of ids, and as neighbours."""
