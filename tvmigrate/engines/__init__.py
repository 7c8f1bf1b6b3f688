"""Where three running engines come from, and the clients to them; everything hands out one `Endpoints`."""
