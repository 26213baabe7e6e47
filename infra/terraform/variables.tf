variable "project" {
  description = "Id of the Google Cloud project of everything here"
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "Give the project's id, such as my-project; its number or title will not do."
  }
}

variable "region" {
  description = "Where data lies and workers run, such as europe-west4"
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "Give a region, such as europe-west4."
  }
}

variable "name" {
  description = "What the names of all resources begin with"
  type        = string
  default     = "weir"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}$", var.name))
    error_message = "Give 2 to 19 lower-case letters, digits or dashes, a letter first."
  }
}

variable "dataset" {
  description = "BigQuery's dataset of the tables and views"
  type        = string
  default     = "weir"

  validation {
    condition     = can(regex("^[A-Za-z0-9_]{1,1024}$", var.dataset))
    error_message = "Give letters, digits and underscores."
  }
}

variable "analysts" {
  description = "Who may read the dataset, such as group:analysts@example.com"
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for each in var.analysts : can(regex("^(user|group|serviceAccount):.+@.+$", each))])
    error_message = "Give members as user:, group: or serviceAccount: and an address."
  }
}

variable "kubernetes_namespace" {
  description = "Namespace of the chart on GKE, whose pods act as the worker account; empty for none"
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$", var.kubernetes_namespace))
    error_message = "Give the name of a namespace, or nothing."
  }
}

variable "release" {
  description = "Name of the chart's release there"
  type        = string
  default     = "weir"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$", var.release))
    error_message = "Give the release's name, of at most 30 characters."
  }
}

variable "secrets" {
  description = "Secrets of the job, whose values are set by hand and never stand here"
  type        = set(string)
  default     = ["WEIR_KAFKA_SASL_PASSWORD"]

  validation {
    condition     = length(setsubtract(var.secrets, ["WEIR_KAFKA_SASL_PASSWORD", "WEIR_SCHEMA_REGISTRY_LOGIN", "WEIR_ENDPOINT_KEY", "WEIR_PSEUDONYM_KEY"])) == 0
    error_message = "There are WEIR_KAFKA_SASL_PASSWORD, WEIR_SCHEMA_REGISTRY_LOGIN, WEIR_ENDPOINT_KEY and WEIR_PSEUDONYM_KEY."
  }
}

variable "dataflow" {
  description = "Run the job on Dataflow: template_path, sdk_image and subnetwork; null for a job elsewhere"
  type = object({
    template_path = string
    sdk_image     = string
    subnetwork    = string
    max_workers   = optional(number, 10)
  })
  default = null

  validation {
    condition = var.dataflow == null || (
      can(regex("^gs://.+[.]json$", var.dataflow.template_path))
      && can(regex("@sha256:[0-9a-f]{64}$", var.dataflow.sdk_image))
      && can(regex("^regions/[a-z0-9-]+/subnetworks/.+$", var.dataflow.subnetwork))
    )
    error_message = "template_path is gs://...json, sdk_image has a digest (@sha256:...), subnetwork is regions/REGION/subnetworks/NAME."
  }
}

variable "job" {
  description = "Options of the job on Dataflow, by the names of infra/dataflow/metadata.json"
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.job : can(regex("^[a-z0-9_]+$", key)) && !can(regex("://[^/@]*@", value))])
    error_message = "Names have underscores, and no address holds a login."
  }
}

variable "billing_account" {
  description = "Billing account that the budget is of"
  type        = string

  validation {
    condition     = can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "Give the account's id, such as 012345-6789AB-CDEF01."
  }
}

variable "monthly_budget" {
  description = "What the project may cost a month, in whole units of the account's currency"
  type        = number

  validation {
    condition     = var.monthly_budget >= 1 && floor(var.monthly_budget) == var.monthly_budget
    error_message = "Give a whole number above 0."
  }
}
