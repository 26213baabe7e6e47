"""The judge on this worker's own GPU: gpt-oss-safeguard, resident in vLLM."""
