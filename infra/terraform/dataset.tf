resource "google_bigquery_dataset" "weir" {
  dataset_id                 = var.dataset
  location                   = var.region
  description                = "Decisions of Weir, written by its jobs and read through its views"
  max_time_travel_hours      = 168
  delete_contents_on_destroy = false

  lifecycle {
    prevent_destroy = true
  }
}

# Tables and views are made, and brought up to date, by the command that knows their SQL: whoever
# applies this has Weir installed.
resource "terraform_data" "tables" {
  triggers_replace = [
    google_bigquery_dataset.weir.id,
    sha256(join("", [
      for file in sort(tolist(fileset("${path.module}/../bigquery", "{tables,views}/*.sql"))) :
      filesha256("${path.module}/../bigquery/${file}")
    ])),
  ]

  provisioner "local-exec" {
    command = "weir tables --bigquery-project \"$PROJECT\" --bigquery-dataset \"$DATASET\""

    environment = {
      PROJECT = var.project
      DATASET = var.dataset
    }
  }
}

resource "google_bigquery_dataset_iam_member" "worker" {
  dataset_id = google_bigquery_dataset.weir.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.worker.member
}

resource "google_bigquery_dataset_iam_member" "analysts" {
  for_each = var.analysts

  dataset_id = google_bigquery_dataset.weir.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value
}
