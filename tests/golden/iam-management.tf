# For account 444444444444, the management account of the organization.
#
# A delegated administrator of the organization may list it too: its account can stand for the
# management's.
#
# External IDs stand in this file, and in the state: keep both where secrets are kept.
#
# Keep it in a folder of its own, and apply it with credentials of this account that may change what
# it holds.

terraform {
  required_version = ">= 0.14"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  allowed_account_ids = [var.account_id]
}

variable "account_id" {
  description = "The account that this is for; in any other one nothing is done."
  type        = string
  default     = "444444444444"
}

variable "trusted_principal_arns" {
  description = "Who may assume the role."
  type        = list(string)
  default     = ["arn:aws:iam::111111111111:role/tidewaiter"]
}

variable "external_ids" {
  description = "One of these has to be said by whoever assumes the role."
  type        = list(string)
  default     = ["harbour-4"]
  sensitive   = true
}

variable "role_name" {
  description = "The name of the role."
  type        = string
  default     = "tidewaiter-management"
}

variable "assumed_role_name" {
  description = "The role that is assumed, by the name it has there."
  type        = string
  default     = "tidewaiter-member"
}

variable "partition" {
  description = "The partition of AWS: aws, aws-cn, aws-us-gov or another."
  type        = string
  default     = "aws"
}

resource "aws_iam_role" "tidewaiter_management" {
  name                 = var.role_name
  description          = "tidewaiter lists the organization as this role, and reads the registries of this account"
  max_session_duration = 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid    = "TrustTidewaiter"
        Effect = "Allow"
        Principal = {
          AWS = var.trusted_principal_arns
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "sts:ExternalId" = var.external_ids
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "tidewaiter_management_tidewaiter_list_organization" {
  name = "tidewaiter-list-organization"
  role = aws_iam_role.tidewaiter_management.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # to find all accounts
      {
        Sid      = "ListAccounts"
        Effect   = "Allow"
        Action   = "organizations:ListAccounts"
        Resource = "*"
      },
      # to filter by organizational unit
      {
        Sid    = "ListUnits"
        Effect = "Allow"
        Action = [
          "organizations:ListRoots",
          "organizations:ListOrganizationalUnitsForParent",
          "organizations:ListAccountsForParent",
        ]
        Resource = "*"
      },
      # to become the member role in each account, also in those that the organization gets later
      {
        Sid      = "AssumeMemberRoles"
        Effect   = "Allow"
        Action   = "sts:AssumeRole"
        Resource = "arn:${var.partition}:iam::*:role/${var.assumed_role_name}"
      },
    ]
  })
}

resource "aws_iam_role_policy" "tidewaiter_management_tidewaiter_read_registries" {
  name = "tidewaiter-read-registries"
  role = aws_iam_role.tidewaiter_management.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # to know the enabled regions; without it all regions that are known of are tried
      {
        Sid      = "FindRegions"
        Effect   = "Allow"
        Action   = "ec2:DescribeRegions"
        Resource = "*"
      },
      # to find all repositories
      {
        Sid      = "ListRepositories"
        Effect   = "Allow"
        Action   = "ecr:DescribeRepositories"
        Resource = "arn:${var.partition}:ecr:*:${var.account_id}:repository/*"
      },
      # to find all images of a repository, and what their tags name
      {
        Sid      = "ListImages"
        Effect   = "Allow"
        Action   = "ecr:DescribeImages"
        Resource = "arn:${var.partition}:ecr:*:${var.account_id}:repository/*"
      },
      # to read manifests; to read layers and configurations
      {
        Sid    = "PullImages"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = "arn:${var.partition}:ecr:*:${var.account_id}:repository/*"
      },
      # to pull through the registry's Docker API what the API of ECR does not give; without it that is
      # not looked at
      {
        Sid      = "LogIntoRegistry"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
    ]
  })
}

output "tidewaiter_management_arn" {
  description = "The ARN of the role."
  value       = aws_iam_role.tidewaiter_management.arn
}
