#!/bin/sh
# The scripts that fetch and convert training data: MusicXML to .mid on a
# small score made here, and fetch_data.sh with a git that copies.
# Usage: test_data_scripts.sh TAKE_CHECK SOURCE_ROOT
set -u
list=$1 source=$2
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
command -v python3 >/dev/null || {
    echo "skipped: no python3 here"
    exit 77
}
failed=0

expect() { # expect WHAT FILE: stdin is what it should hold
    if diff - "$2" >"$work/diff"; then
        return
    fi
    echo "failed: $1"
    cat "$work/diff"
    failed=$((failed + 1))
}

cat >"$work/score.xml" <<'EOF'
<?xml version="1.0" encoding="UTF-8"?>
<score-partwise version="3.1">
 <work><work-title>Small</work-title></work>
 <part-list>
  <score-part id="P1"><part-name>Voice</part-name></score-part>
  <score-part id="P2"><part-name>Piano</part-name></score-part>
 </part-list>
 <part id="P1">
  <measure number="0"><attributes><divisions>2</divisions>
    <time><beats>3</beats><beat-type>4</beat-type></time></attributes>
   <direction><sound tempo="90"/></direction>
   <note><pitch><step>C</step><octave>4</octave></pitch>
    <duration>2</duration></note></measure>
  <measure number="1"><barline location="left">
     <repeat direction="forward"/></barline>
   <harmony><root><root-step>F</root-step><root-alter>1</root-alter></root>
    <kind>minor-seventh</kind><bass><bass-step>E</bass-step></bass></harmony>
   <direction><direction-type><dynamics><ff/></dynamics></direction-type>
   </direction>
   <note><grace/><pitch><step>A</step><octave>4</octave></pitch></note>
   <note><pitch><step>D</step><alter>1</alter><octave>4</octave></pitch>
    <duration>4</duration></note>
   <note><pitch><step>E</step><octave>4</octave></pitch>
    <duration>2</duration><tie type="start"/></note></measure>
  <measure number="2"><barline location="left">
     <ending number="1" type="start"/></barline>
   <note><pitch><step>E</step><octave>4</octave></pitch>
    <duration>1</duration><tie type="stop"/></note>
   <note><rest/><duration>5</duration></note>
   <barline location="right"><ending number="1" type="stop"/>
    <repeat direction="backward"/></barline></measure>
  <measure number="3"><barline location="left">
     <ending number="2" type="start"/></barline>
   <note><pitch><step>G</step><octave>4</octave></pitch>
    <duration>6</duration></note>
   <note><chord/><pitch><step>B</step><alter>-1</alter><octave>4</octave>
    </pitch><duration>6</duration></note>
   <barline location="right"><ending number="2" type="stop"/></barline>
  </measure>
 </part>
 <part id="P2">
  <measure number="0"><attributes><divisions>1</divisions></attributes>
   <note><rest/><duration>1</duration></note></measure>
  <measure number="1"><note><pitch><step>C</step><octave>5</octave></pitch>
    <duration>3</duration><staff>1</staff></note>
   <backup><duration>3</duration></backup>
   <forward><duration>1</duration></forward>
   <note><pitch><step>C</step><octave>3</octave></pitch>
    <duration>2</duration><staff>2</staff></note></measure>
  <measure number="2"><note><rest/><duration>3</duration></note></measure>
  <measure number="3"><note><rest/><duration>3</duration></note></measure>
 </part>
</score-partwise>
EOF
(cd "$work" && python3 - <<'EOF') || exit 1
import zipfile
with zipfile.ZipFile("score.mxl", "w") as z:
    z.writestr("META-INF/container.xml", '<container><rootfiles>'
               '<rootfile full-path="in/score.xml"/></rootfiles></container>')
    z.write("score.xml", "in/score.xml")
EOF
python3 "$source/presets/mxl2mid.py" "$work/score.mxl" "$work/score.mid" ||
    failed=1
"$list" --list "$work/score.mid" >"$work/out"
# Pickup, measure 1, first ending, measure 1, second ending.
expect "the notes of a small score" "$work/out" <<'EOF'
1 0 144 60 80
1 480 128 60 64
1 480 144 63 106
1 1440 128 63 64
1 1440 144 64 106
1 2160 128 64 64
1 3360 144 63 106
1 4320 128 63 64
1 4320 144 64 106
1 4800 128 64 64
1 4800 144 67 106
1 4800 144 70 106
1 6240 128 67 64
1 6240 128 70 64
2 480 145 72 80
2 1920 129 72 64
2 3360 145 72 80
2 4800 129 72 64
3 960 146 48 80
3 1920 130 48 64
3 3840 146 48 80
3 4800 130 48 64
EOF
for text in Small Voice 'Piano 1' 'Piano 2' chords 'F#m7/E'; do
    grep -qaF "$text" "$work/score.mid" || {
        echo "failed: no \"$text\" in the .mid"
        failed=$((failed + 1))
    }
done
echo "<score-timewise/>" >"$work/bad.xml"
if python3 "$source/presets/mxl2mid.py" "$work/bad.xml" "$work/bad.mid" \
    2>"$work/err"; then
    echo "failed: a file that is no score is converted"
    failed=$((failed + 1))
fi
expect "one line about a bad file" "$work/err" <<EOF
$work/bad.xml: expected score-partwise, found score-timewise
EOF

# fetch_data.sh, with a git that copies and an abc2midi that writes.
tree=$work/presets bin=$work/bin
mkdir -p "$tree" "$bin" "$work/remote/scores/a" "$work/remote/Complete"
cp "$source/presets/fetch_data.sh" "$source/presets/mxl2mid.py" "$tree/"
cp "$work/score.mxl" "$work/remote/scores/a/it's one.mxl"
echo "X:1" >"$work/remote/Complete/hymn.abc"
echo "X:2 changed" >"$work/remote/Complete/other.abc"
(cd "$work/remote" && {
    sha256sum <"scores/a/it's one.mxl" | sed 's/-$/One.mxl/' \
        >"$tree/data_openewld.sha256"
    sha256sum <Complete/hymn.abc | sed 's/-$/A_Hymn.abc/'
    echo X:2 | sha256sum | sed 's/-$/Other.abc/'
} >"$tree/data_open_hymnal.sha256")
cat >"$bin/git" <<EOF
#!/bin/sh
echo "\$*" >>"$work/git"
[ "\$3" != checkout ] || cp -r "$work/remote/." "\$2/"
EOF
cat >"$bin/abc2midi" <<'EOF'
#!/bin/sh
cp "$1" "$3"
EOF
chmod +x "$bin/git" "$bin/abc2midi"
PATH=$bin:$PATH "$tree/fetch_data.sh" "$work/data" >"$work/out" 2>"$work/err"
(cd "$work/data" && find . -name '*.mid' | LC_ALL=C sort) >"$work/found"
expect "what was fetched and converted" "$work/found" <<'EOF'
./open-hymnal/A_Hymn.mid
./openewld-us-pd/One.mid
./openscore-lieder/a/it's one.mid
EOF
expect "a changed file is left out and said" "$work/err" <<'EOF'
fetch_data: open-hymnal: Other.abc is not there as it was
EOF
grep -q 'OpenScore/Lieder bca122458de6da362abe62dd6aec62e25d7759b1' \
    "$work/git" || failed=$((failed + 1))
exit "$((failed > 0))"
