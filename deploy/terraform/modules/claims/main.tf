# Keys, types and TTL attributes are those of aws/dynamodb.Tables and of
# aws/kinesis/lease.
locals {
  tables = merge(
    { ledger = { hash = { pk = "S" }, range = { sk = "S" }, ttl = "e" } },
    var.claims ? { claims = { hash = { id = "B" }, range = {}, ttl = "e" } } : {},
    var.leases ? { leases = { hash = { stream = "S" }, range = { shard = "S" }, ttl = "" } } : {},
  )
}

resource "aws_dynamodb_table" "this" {
  for_each                    = local.tables
  name                        = "${var.name}-${each.key}"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = keys(each.value.hash)[0]
  range_key                   = one(keys(each.value.range))
  deletion_protection_enabled = var.protect

  dynamic "attribute" {
    for_each = merge(each.value.hash, each.value.range)
    content {
      name = attribute.key
      type = attribute.value
    }
  }

  dynamic "ttl" {
    for_each = each.value.ttl == "" ? [] : [each.value.ttl]
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  point_in_time_recovery { enabled = true }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.key_arn
  }
}
