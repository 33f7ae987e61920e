module datastub

go 1.26

replace github.com/kubeedge/api => github.com/kubeedge/api v1.23.0
