module flamepipe/busy-service

go 1.21
