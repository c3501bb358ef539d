"""What a credit judgement is: pure functions and types, without files, clock or model library."""
