"""Real replica processes on loopback: started, killed, restarted."""
