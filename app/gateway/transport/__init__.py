"""What lies between the network and the application: connections, their limits and TLS, and who may send."""
