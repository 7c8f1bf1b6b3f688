"""The tv_analytics application on the new layout: storage clients, agent tools, API."""
