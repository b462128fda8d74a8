#!/bin/sh
# Has apt read a repository that is about to be added, with directories of its own below the staged files: the host's
# lists, sources and preferences are neither read nor touched.
#
# usage: read_repository.sh STAGE NAME PREFIX PACKAGE VERSION
# exit code 0: its key verifies it and it holds the package in that version; 1: it does not, and standard output says why
# in one sentence that names the operator's variable (PREFIX and the rest of its name).
set -u
stage=$1 name=$2 prefix=$3 package=$4 version=$5
key=$stage/etc/apt/keyrings/brokerkit-$name.asc
source=$stage/etc/apt/sources.list.d/brokerkit-$name.sources
work=$stage/.apt
mkdir -p "$work/sources" "$work/none" "$work/state/lists/partial" "$work/cache/archives/partial"
sed "s|^Signed-By: .*|Signed-By: $key|" "$source" > "$work/sources/candidate.sources"
: > "$work/state/status"

field() { sed -n "s/^$1: //p" "$source"; }
where="$(field URIs) $(field Suites)"

refuse() {
    printf '%s\n' "$prefix$1; nothing was changed"
    exit 1
}

# The stage is root's alone, so apt does not hand its work to a user without rights.
private() {
    command=$1
    shift
    "$command" -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" \
        -o Dir::Etc::preferences=/dev/null -o "Dir::Etc::preferencesparts=$work/none" \
        -o Dir::Etc::trusted=/dev/null -o "Dir::Etc::trustedparts=$work/none" \
        -o "Dir::State=$work/state" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$work/cache" \
        -o APT::Sandbox::User=root -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 \
        "$@" 2>&1
}

said=$(LC_ALL=C private apt-get -o APT::Update::Error-Mode=any update)
code=$?
words=$(printf '%s\n' "$said" | sed -n 's/^[EW]: //p' | grep -v '^Some index files failed' | head -n 2 | tr '\n' ' ' | sed 's/ *$//')
case $said in
    *NO_PUBKEY* | *BADSIG* | *"Missing key"* | *"signatures couldn't be verified"* | *"signatures were invalid"* | *"is not signed"* | *EXPKEYSIG*)
        refuse "repository_key: does not verify the signature of $where ($words); give the file with the key that this repository is signed with" ;;
    *"does not have a Release file"*)
        refuse "repository_uri: there is no signed repository at $where ($words); correct the URI or ${prefix}repository_suite" ;;
    *"doesn't have the component"*)
        refuse "repository_components: $where does not have all of '$(field Components)' ($words); correct them" ;;
esac
[ "$code" -eq 0 ] || refuse "repository_uri: apt cannot read $where from this host ($words); correct the URI, or open the way to it"

held=$(LC_ALL=C private apt-cache madison "$package" | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | sort -u)
[ -n "$held" ] || refuse "repository_uri: $where holds no package $package for this architecture; put it there, or correct the URI or the components"
[ -n "$version" ] || exit 0
pattern=$(printf '%s' "$version" | sed 's/[.]/[.]/g')
printf '%s\n' "$held" | grep -Eq "^([0-9]+:)?$pattern([^0-9].*)?\$" ||
    refuse "version: $where does not hold $package $version, but $(printf '%s' "$held" | tr '\n' ' '); set ${prefix}version to one of them, or put that version there"
