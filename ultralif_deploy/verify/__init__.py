"""What was lost: accuracy, spikes, back ends against each other, certificates, verdicts."""
