package mapper

import (
	"os"
	"path/filepath"
	"testing"
)

// A folder that goes away while it is read, between its list and its files,
// takes no device with it.
func TestFolderGoesWhileItIsRead(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "devices")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir, "all.yaml", pumpModel+"---\n"+pump("one", "A"))
	f, err := NewFolder(FolderOptions{Dir: dir, Defaults: DefaultRules(), Vet: Drivers{"modbus": newScript()}.Vet})
	if err != nil {
		t.Fatal(err)
	}
	f.scan()
	moved := make(chan error, 1)
	go func() {
		for range 1000 {
			if err := os.Rename(dir, dir+".away"); err != nil {
				moved <- err
				return
			}
			if err := os.Rename(dir+".away", dir); err != nil {
				moved <- err
				return
			}
		}
		moved <- nil
	}()
	for {
		f.scan()
		if len(f.files) != 1 {
			t.Error("the file was taken for removed")
		}
		select {
		case err := <-moved:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
