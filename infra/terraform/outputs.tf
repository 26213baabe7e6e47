output "checkpoints" {
  description = "The chart's value of that name"
  value       = "${google_storage_bucket.state.url}/checkpoints"
}

output "policies" {
  description = "Where the job's option --policies points"
  value       = "${google_storage_bucket.policies.url}/policies"
}

output "registry" {
  description = "REGISTRY of make images"
  value       = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
}

output "worker_account" {
  description = "The account of the pods: the annotation iam.gke.io/gcp-service-account of the chart's serviceAccount"
  value       = google_service_account.worker.email
}
