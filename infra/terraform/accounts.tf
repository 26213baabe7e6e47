# One account runs the jobs: it writes to the dataset and to its bucket, and reads policies,
# images and its secrets.
resource "google_service_account" "worker" {
  account_id   = "${var.name}-worker"
  display_name = "Workers of Weir"
}

resource "google_project_iam_member" "asks_bigquery" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.worker.member
}

resource "google_project_iam_member" "dataflow_worker" {
  count = var.dataflow == null ? 0 : 1

  project = var.project
  role    = "roles/dataflow.worker"
  member  = google_service_account.worker.member
}

resource "google_service_account_iam_member" "pods" {
  count = var.kubernetes_namespace == "" ? 0 : 1

  service_account_id = google_service_account.worker.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.kubernetes_namespace}/${var.release}-weir]"
}
