// Prints a line for each entry of an archive: name in hexadecimal, SHA-256, mtime in Unix seconds,
// Unix mode in octal.  Fails where a checksum is wrong.
// With names after the archive's, only these entries are read.
package main

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	archive, err := zip.OpenReader(os.Args[1])
	fail(err)
	defer archive.Close()
	output := bufio.NewWriter(os.Stdout)
	defer output.Flush()
	for _, entry := range archive.File {
		if len(os.Args) > 2 && !contains(os.Args[2:], entry.Name) {
			continue
		}
		data, err := entry.Open()
		fail(err)
		digest := sha256.New()
		_, err = io.Copy(digest, data)
		fail(err)
		fmt.Fprintf(output, "%x\t%x\t%d\t%o\n",
			entry.Name, digest.Sum(nil), entry.Modified.Unix(), entry.Mode().Perm())
	}
}

func contains(names []string, name string) bool {
	for _, candidate := range names {
		if candidate == name {
			return true
		}
	}
	return false
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
