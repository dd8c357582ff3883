"""One file for each Lambda trigger: `handle(event, services)`, and a one-line `handler` for the cloud."""
