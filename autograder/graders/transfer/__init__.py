"""The hidden tests of `transfer`: a trained network, a new head, fine-tuning, another domain."""
