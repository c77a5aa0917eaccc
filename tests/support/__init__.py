"""What tests share: helpers, drawn and given networks, comparisons, planted bugs."""
