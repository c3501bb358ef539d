"""Telling a tenant's own systems what happened: endpoints, signatures, the outbox, and sending to checked addresses only."""
