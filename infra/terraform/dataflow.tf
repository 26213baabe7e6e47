resource "google_dataflow_flex_template_job" "weir" {
  provider = google-beta
  count    = var.dataflow == null ? 0 : 1

  name                    = var.name
  region                  = var.region
  container_spec_gcs_path = var.dataflow.template_path
  service_account_email   = google_service_account.worker.email
  subnetwork              = var.dataflow.subnetwork
  ip_configuration        = "WORKER_IP_PRIVATE"
  sdk_container_image     = var.dataflow.sdk_image
  temp_location           = "${google_storage_bucket.state.url}/tmp"
  staging_location        = "${google_storage_bucket.state.url}/staging"
  max_workers             = var.dataflow.max_workers
  enable_streaming_engine = true
  on_delete               = "drain"

  parameters = merge(var.job, {
    bigquery_project = var.project
    bigquery_dataset = var.dataset
  })

  depends_on = [
    terraform_data.tables,
    google_bigquery_dataset_iam_member.worker,
    google_storage_bucket_iam_member.state,
    google_project_iam_member.asks_bigquery,
    google_project_iam_member.dataflow_worker,
  ]
}
