# For each member account of the organization.
#
# A StackSet with permissions managed by the service reaches all member accounts, invited ones and
# later ones too, and not the management account: there the management role reads the registries
# itself.
#
# External IDs stand in this file, and in the state: keep both where secrets are kept.
#
# Keep it in a folder of its own, and apply it with credentials of each of these accounts in turn (a
# state or workspace for each) that may change what it holds.

terraform {
  required_version = ">= 0.14"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "trusted_principal_arns" {
  description = "Who may assume the role."
  type        = list(string)
  default     = ["arn:aws:iam::444444444444:role/tidewaiter-management"]
}

variable "external_ids" {
  description = "One of these has to be said by whoever assumes the role."
  type        = list(string)
  default     = ["harbour-5"]
  sensitive   = true
}

variable "role_name" {
  description = "The name of the role."
  type        = string
  default     = "tidewaiter-member"
}

variable "partition" {
  description = "The partition of AWS: aws, aws-cn, aws-us-gov or another."
  type        = string
  default     = "aws"
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role" "tidewaiter_member" {
  name                 = var.role_name
  description          = "tidewaiter reads the registries of this account as this role"
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

resource "aws_iam_role_policy" "tidewaiter_member_tidewaiter_read_registries" {
  name = "tidewaiter-read-registries"
  role = aws_iam_role.tidewaiter_member.name

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
        Resource = "arn:${var.partition}:ecr:*:${data.aws_caller_identity.current.account_id}:repository/*"
      },
      # to find all images of a repository, and what their tags name
      {
        Sid      = "ListImages"
        Effect   = "Allow"
        Action   = "ecr:DescribeImages"
        Resource = "arn:${var.partition}:ecr:*:${data.aws_caller_identity.current.account_id}:repository/*"
      },
      # to read manifests; to read layers and configurations
      {
        Sid    = "PullImages"
        Effect = "Allow"
        Action = [
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
        ]
        Resource = "arn:${var.partition}:ecr:*:${data.aws_caller_identity.current.account_id}:repository/*"
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

output "tidewaiter_member_arn" {
  description = "The ARN of the role."
  value       = aws_iam_role.tidewaiter_member.arn
}
