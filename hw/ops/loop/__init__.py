"""Steps of a recurrent network, one after the other in the same hardware."""
