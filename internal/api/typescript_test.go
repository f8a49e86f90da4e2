package api_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sonde-media/sonde/internal/api"
	"github.com/sonde-media/sonde/probes"
)

var update = flag.Bool("update", false, "write what is generated")

const typeScriptFile = "../../dashboards/plugin/src/api.gen.ts"

// The front end's types are made of ours: a query that one side knows and the
// other doesn't would be lost without a word.
func TestTypeScriptIsCurrent(t *testing.T) {
	want := typeScript(t)
	if *update {
		if err := os.MkdirAll(filepath.Dir(typeScriptFile), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(typeScriptFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(typeScriptFile)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what internal/api says; `go generate ./internal/api` mends it", typeScriptFile)
	}
}

// A writer writes TypeScript.
type writer struct {
	strings.Builder
	docs map[string]string // by type, and by type.field
}

func typeScript(t *testing.T) string {
	w := writer{docs: comments(t, "panel.go")}
	w.line("// Made by `go generate ./internal/api` of the Go types there; changes here are lost.")
	w.list("Question", "questions", texts(api.Questions))
	w.list("Format", "formats", texts(formats()))
	w.list("Measure", "measures", texts(api.Measures))
	w.list("Label", "labels", texts(api.LabelNames))
	w.list("Outcome", "outcomes", texts(probes.Outcomes))
	w.line("\n/** Says in which formats each question is answered, the default first. */")
	w.line("export const formatsOf: Record<Question, readonly Format[]> = {")
	for _, q := range api.Questions {
		w.line("  %s: [%s],", q, quoted(texts(api.Formats[q]), ", "))
	}
	w.line("};\n")
	w.line("/** What panels show in an outcome's place where agents send nothing any more. */")
	w.line("export const SILENT = '%s';\n", api.Silent)
	w.line("export const DEFAULT_LIMIT = %d;", api.DefaultLimit)
	w.line("export const MAX_LIMIT = %d;", api.MaxLimit)
	w.line("export const MAX_BUCKETS = %d;", api.MaxBuckets)
	w.line("export const MAX_LABEL_VALUES = %d;", api.MaxLabelValues)
	w.line("export const MAX_RANGE_DAYS = %d;", int(api.MaxRange.Hours()/24))
	w.object(reflect.TypeFor[api.PanelQuery]())
	w.object(reflect.TypeFor[api.LabelValues]())
	w.object(reflect.TypeFor[api.Settings]())
	return w.String()
}

func formats() (all []api.Format) {
	for _, q := range api.Questions {
		for _, f := range api.Formats[q] {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }

func (w *writer) doc(indent, key string) {
	if text := w.docs[key]; text != "" {
		w.line("%s/** %s */", indent, text)
	}
}

func (w *writer) list(name, plural string, words []string) {
	w.line("")
	w.doc("", name)
	w.line("export type %s = %s;", name, quoted(words, " | "))
	w.line("export const %s: readonly %s[] = [%s];", plural, name, quoted(words, ", "))
}

func (w *writer) object(t reflect.Type) {
	w.line("")
	w.doc("", t.Name())
	w.line("export interface %s {", t.Name())
	for i := range t.NumField() {
		f := t.Field(i)
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		w.doc("  ", t.Name()+"."+f.Name)
		if option == "omitempty" {
			name += "?"
		}
		w.line("  %s: %s;", name, typeOf(f.Type))
	}
	w.line("}")
}

func typeOf(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Slice:
		return typeOf(t.Elem()) + "[]"
	case t.Kind() == reflect.Int:
		return "number"
	case t.Kind() == reflect.String && t.PkgPath() == "":
		return "string"
	case t.Kind() == reflect.String:
		return t.Name()
	}
	panic("no TypeScript for " + t.String())
}

func texts[T ~string](words []T) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

func quoted(words []string, sep string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = "'" + w + "'"
	}
	return strings.Join(all, sep)
}

// comments returns what a file's comments say of its types and their fields.
func comments(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	for _, d := range parsed.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		spec := g.Specs[0].(*ast.TypeSpec)
		docs[spec.Name.Name] = oneLine(g.Doc)
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range s.Fields.List {
				docs[spec.Name.Name+"."+f.Names[0].Name] = oneLine(f.Comment)
			}
		}
	}
	return docs
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
