#!/bin/sh
# Has apt read repositories that are about to be added, with directories of its own below the staged files: the host's
# lists, sources and preferences are neither read nor touched.
#
# usage: read_repositories.sh STAGE [NAME PREFIX PACKAGE VERSION URI SUITE COMPONENTS]...
# exit code 0: each key verifies its repository, which holds the package in that version; 1: one does not, and standard
# output says why in one sentence that names the operator's variable (PREFIX and the rest of its name).
set -u
stage=$1
shift
none=$stage/.apt/none
mkdir -p "$none"

refuse() {
    printf '%s\n' "$prefix$1; nothing was changed"
    exit 1
}

# The stage is root's alone, so apt does not hand its work to a user without rights.
private() {
    command=$1
    shift
    LC_ALL=C "$command" -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" \
        -o Dir::Etc::preferences=/dev/null -o "Dir::Etc::preferencesparts=$none" \
        -o Dir::Etc::trusted=/dev/null -o "Dir::Etc::trustedparts=$none" \
        -o "Dir::State=$work/state" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$work/cache" \
        -o APT::Sandbox::User=root -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 \
        "$@" 2>&1
}

name_source() {
    work=$stage/.apt/$name
    mkdir -p "$work/sources" "$work/state/lists/partial" "$work/cache/archives/partial"
    : > "$work/state/status"
    {
        printf 'Types: deb\nURIs: %s\nSuites: %s\n' "$uri" "$suite"
        [ -z "$components" ] || printf 'Components: %s\n' "$components"
        printf 'Signed-By: %s\n' "$stage/etc/apt/keyrings/brokerkit-$name.asc"
    } > "$work/sources/candidate.sources"
}

read_index() {
    said=$(private apt-get -o APT::Update::Error-Mode=any update)
    code=$?
    words=$(printf '%s\n' "$said" | sed -n 's/^[EW]: //p' | grep -v '^Some index files failed' | head -n 2 | tr '\n' ' ')
    words=${words% }
    case $said in
        *NO_PUBKEY* | *BADSIG* | *EXPKEYSIG* | *"Missing key"* | *"signatures couldn't be verified"* | *"is not signed"*)
            refuse "repository_key: does not verify the signature of $where ($words); give the file with the key that this repository is signed with" ;;
        *"does not have a Release file"*)
            refuse "repository_uri: there is no signed repository at $where ($words); correct the URI or ${prefix}repository_suite" ;;
        *"doesn't have the component"*)
            refuse "repository_components: $where does not have all of '$components' ($words); correct them" ;;
    esac
    [ "$code" -eq 0 ] ||
        refuse "repository_uri: apt cannot read $where from this host ($words); correct the URI, or open the way to it"
}

look_for_the_package() {
    held=$(private apt-cache madison "$package" | awk -F '|' '{ gsub(/ /, "", $2); print $2 }' | sort -u | tr '\n' ' ')
    [ -n "$held" ] ||
        refuse "repository_uri: $where holds no package $package for this architecture; correct the URI or the components, or put it there"
    [ -n "$version" ] || return 0
    pattern=$(printf '%s' "$version" | sed 's/[.]/[.]/g')
    printf '%s' "$held" | tr ' ' '\n' | grep -Eq "^([0-9]+:)?$pattern([^0-9].*)?\$" ||
        refuse "version: $where does not hold $package $version, but ${held% }; set ${prefix}version to one of these, or put that version there"
}

while [ $# -ge 7 ]; do
    name=$1 prefix=$2 package=$3 version=$4 uri=$5 suite=$6 components=$7
    shift 7
    where="$uri $suite"
    name_source
    read_index
    look_for_the_package
done
