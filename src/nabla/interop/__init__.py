"""Other libraries' protocols on tensors."""
