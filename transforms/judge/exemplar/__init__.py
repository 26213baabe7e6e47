"""The stand-in for a judge: posts compared with a policy's examples."""
