package media

import "testing"

// The values are those of the catalogue of CRC algorithms: CRC-16/UMTS and
// CRC-8/SMBUS of "123456789".
func TestChecksums(t *testing.T) {
	b := []byte("123456789")
	if got := crc16of(0, b); got != 0xFEE8 {
		t.Errorf("got %#x, want 0xfee8", got)
	}
	if got := crc8of(b); got != 0xF4 {
		t.Errorf("got %#x, want 0xf4", got)
	}
}
