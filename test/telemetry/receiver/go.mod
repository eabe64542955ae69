module holdfast/receiver

go 1.25.0

require go.opentelemetry.io/collector/pdata v1.71.0
