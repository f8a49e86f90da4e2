module github.com/sonde-media/sonde

go 1.26.5
